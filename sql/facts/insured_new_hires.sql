-- New hires that count for the loan: a labour contract of one year at u in the last 12 months, the
-- person insured there since, and at the start unemployed, a recent graduate, or on a list.
-- Grain: employer, person.
with hires as (
    select
        employment_rows.employer_code,
        employers.employer_key,
        employment_rows.person_id,
        employment_rows.person_key,
        employment_rows.starts_on
    from employment_rows
    -- many to one: only an employer with an insured unit insures
    inner join employers on employment_rows.employer_code = employers.employer_code
    where
        employment_rows.is_labour_contract
        and employment_rows.is_one_year_contract
        and employment_rows.starts_on > plus_months($as_of, -$loan_look_back_months)
)

select
    hires.employer_code,
    hires.person_key
from hires
where
    exists (
        select 1
        from insurance_masks
        where
            insurance_masks.person_key = hires.person_key
            and insurance_masks.employer_key = hires.employer_key
            and insurance_masks.insured_mask
            & months_mask(insurance_masks.era, month_of(hires.starts_on), $as_of_month) <> 0
    )
    and (
        exists (
            select 1
            from unemployment
            where
                unemployment.person_key = hires.person_key
                and unemployment.registered_on <= hires.starts_on
                and (
                    unemployment.closed_on is null
                    or unemployment.closed_on >= hires.starts_on
                )
        )
        or exists (
            select 1
            from graduations
            where
                graduations.person_key = hires.person_key
                and graduations.graduated_on <= hires.starts_on
                and hires.starts_on <= plus_years(graduations.graduated_on, $graduate_years)
        )
        or exists (
            select 1
            from current_designations
            where
                current_designations.list in ('就业困难人员', '建档立卡', '退役军人', '残疾人')
                and current_designations.subject_kind = '个人'
                and current_designations.subject_id = hires.person_id
                and current_designations.valid_from <= hires.starts_on
                and (
                    current_designations.valid_to is null
                    or current_designations.valid_to >= hires.starts_on
                )
        )
    )
group by hires.employer_code, hires.person_key
