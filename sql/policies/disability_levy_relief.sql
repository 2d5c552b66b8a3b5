-- policy: disability_levy_relief
-- title: 残保金分档减缴/暂免
-- authority: 川政发〔2020〕3号 附件第6项；财政部公告2019年第98号
-- in force: D from 2020-01-01 to 2022-12-31; fee year = year(D) − 1
-- grain: employer with insured staff and gross pay in the fee year
-- reads: contributions insured_units payroll designations registrations
-- S = person_months, T = disabled_person_months, P = gross_fen.
with insured_employers as (
    select
        employer_code,
        employer_key,
        cast(sum(headcount) as bigint) as person_months
    from headcounts
    where
        insurance = '养老'
        and month between $reach_from_month and $reach_to_month
    group by employer_code, employer_key
),

levied_employers as (
    select
        insured_employers.employer_code,
        insured_employers.person_months,
        coalesce(disabled_months.disabled_person_months, 0) as disabled_person_months,
        gross_pays.gross_fen,
        registrations.entity_type,
        registrations.employer_code is not null as has_registration
    from insured_employers
    -- one to at most one, all three; without pay there is no levy
    inner join gross_pays on insured_employers.employer_code = gross_pays.employer_code
    left join disabled_months on insured_employers.employer_key = disabled_months.employer_key
    left join registrations on insured_employers.employer_code = registrations.employer_code
    where gross_pays.gross_fen > 0
),

-- full levy = (1.5 % × S/12 − T/12) × W, W = 12P/S but at most twice the local average wage.
-- With the permille r: not capped (r·S − 1000·T)·P ÷ (1000·S), capped (r·S − 1000·T)·cap ÷ 12000.
levy_fractions as (
    select
        *,
        12 * gross_fen
        > cast($wage_cap_multiple * $local_average_wage_fen as hugeint) * person_months
            as is_wage_capped,
        cast($levy_ratio_permille * person_months - 1000 * disabled_person_months as hugeint)
            as liable_person_months_x1000,
        -- 暂免征收在职职工总数30人（含）以下企业；实行分档减缴
        case
            when entity_type = '企业' and person_months <= 12 * $levy_exempt_persons then 0
            when 100 * disabled_person_months >= $levy_tier_percent * person_months
                then $levy_upper_tier_share_percent
            else $levy_lower_tier_share_percent
        end as payable_share_percent
    from levied_employers
),

full_levies as (
    select
        *,
        greatest(liable_person_months_x1000, 0)
        * case
            when is_wage_capped
                then cast($wage_cap_multiple * $local_average_wage_fen as hugeint)
            else gross_fen
        end as levy_numerator,
        case
            when is_wage_capped then cast(12000 as hugeint)
            else cast(1000 as hugeint) * person_months
        end as levy_denominator
    from levy_fractions
)

select
    cast(year($as_of) - 1 as varchar) as period,
    'employer' as subject_kind,
    employer_code as subject_id,
    'employer' as beneficiary_kind,
    employer_code as beneficiary_id,
    -- 残保金: owed where the share of disabled staff is below the ratio
    $levy_ratio_permille * person_months > 1000 * disabled_person_months as s6_liable,
    -- 暂免征收…企业: whether it is an enterprise must be known
    case when has_registration then true end as s6_entity_known,
    -- what is spared: the full levy less its payable share, each half up
    half_up(levy_numerator, levy_denominator)
    - half_up(levy_numerator * payable_share_percent, levy_denominator * 100) as amount_fen,
    entity_type,
    person_months,
    disabled_person_months,
    cast(gross_fen as bigint) as gross_fen,
    is_wage_capped,
    payable_share_percent,
    half_up(levy_numerator, levy_denominator) as full_levy_fen
from full_levies
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
