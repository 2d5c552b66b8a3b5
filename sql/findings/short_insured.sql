-- Insured for unemployment at the last employer for three months or less, then benefit. Who was
-- insured there in the first month delivered may have been so for longer, and is no finding.
-- Many honest people have had a short last job: of itself it says little.
-- Source: Weihai audit office, 2021-02-20, 大数据揭秘另类“创业”: at the last employer for at most
-- three months, then registered unemployed and drawing benefit.
-- Rows: one per person and last employer.
with claims as (
    select
        benefit_spells.person_key,
        insured_units.employer_key,
        insured_units.employer_code,
        min(benefit_spells.from_month) as from_month
    from benefit_spells
    -- many to at most one: the number is a key of insured_units
    inner join insured_units on benefit_spells.last_unit_no = insured_units.unit_no
    group by benefit_spells.person_key, insured_units.employer_key, insured_units.employer_code
),

first_months as (
    select min(month) as month
    from contribution_coverage
    where insurance = '失业'
),

insured_claims as (
    select
        claims.person_key,
        claims.employer_code,
        claims.from_month,
        sum(
            bit_count(
                insurance_masks.insured_mask
                & months_mask(
                    insurance_masks.era, 190001, month_plus(claims.from_month, -1)
                )
            )
        ) as months_insured,
        bool_or(
            insurance_masks.era = month_era(first_months.month)
            and insurance_masks.insured_mask & month_bit(first_months.month) <> 0
        ) as is_since_first
    from insurance_masks
    -- many to at most one, then to the one first month
    inner join claims
        on
            insurance_masks.person_key = claims.person_key
            and insurance_masks.employer_key = claims.employer_key
    cross join first_months
    where insurance_masks.insurance = '失业'
    group by claims.person_key, claims.employer_code, claims.from_month
)

select
    'short_insured' as finding,
    'info' as severity,
    '' as policy_id,
    'person' as subject_kind,
    person_id_of(person_key) as subject_id,
    concat(
        'months insured at the last employer, employer, first month of benefit: ',
        months_insured, ', ', employer_code, ', ', from_month
    ) as detail
from insured_claims
where
    months_insured between 1 and $audit_short_months
    and not is_since_first
order by subject_id, detail
