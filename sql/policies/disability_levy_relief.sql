-- universe: employer with insured staff and gross pay in the fee year
-- cut by: employer
with levied_employers as (
    select
        *,
        -- W = 12P/S, but at most twice the local average wage
        12 * gross_fen
        > cast($wage_cap_multiple * $local_average_wage_fen as hugeint) * person_months
            as is_wage_capped,
        -- 暂免征收在职职工总数30人（含）以下企业；实行分档减缴
        case
            when entity_type = '企业' and person_months <= 12 * $levy_exempt_persons then 0
            when 100 * disabled_person_months >= $levy_tier_percent * person_months
                then $levy_upper_tier_share_percent
            else $levy_lower_tier_share_percent
        end as payable_share_percent,
        -- full levy = (1.5 % × S/12 − T/12) × W: with the permille r, not capped
        -- (r·S − 1000·T) · P ÷ (1000·S), capped (r·S − 1000·T) · cap ÷ 12000
        cast(greatest($levy_ratio_permille * person_months - 1000 * disabled_person_months, 0)
            as hugeint)
        * case
            when is_wage_capped then $wage_cap_multiple * $local_average_wage_fen else gross_fen
        end as levy_numerator,
        case when is_wage_capped then 12000 else 1000 * person_months end as levy_denominator
    from levy_bases
)

select
    employer_code as subject_id,
    -- 残保金: owed where the share of disabled staff is below the ratio
    $levy_ratio_permille * person_months > 1000 * disabled_person_months as s6_liable,
    -- 暂免征收…企业: whether it is an enterprise must be known
    case when has_registration then true end as s6_entity_known,
    -- what is spared: the full levy less its payable share, each half up
    half_up(levy_numerator, levy_denominator)
    - half_up(levy_numerator * payable_share_percent, cast(levy_denominator as hugeint) * 100)
        as amount_fen,
    entity_type,
    person_months,
    disabled_person_months,
    cast(gross_fen as bigint) as gross_fen,
    is_wage_capped,
    payable_share_percent,
    half_up(levy_numerator, levy_denominator) as full_levy_fen,
    half_up(levy_numerator * payable_share_percent, cast(levy_denominator as hugeint) * 100)
        as payable_levy_fen
from levied_employers
