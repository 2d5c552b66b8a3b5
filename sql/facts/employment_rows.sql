-- cut by: person, employer
-- The visible employment rows, with what the rulebook asks of them: what ends after D has not
-- ended. Grain: as the extract.
select
    employment.employer_code,
    employers.employer_key,
    person_id,
    person_key,
    contract_type,
    starts_on,
    ends_on,
    ended_on,
    end_reason,
    -- least passes over an empty date: the earlier of those given; none: open
    least(ended_on, ends_on) as last_day,
    contract_type in ('无固定期限', '固定期限', '以完成一定工作任务为期限') as is_labour_contract,
    case contract_type
        when '无固定期限' then true
        when '固定期限' then ends_on >= cast(plus_years(starts_on, 1) - 1 as date)
        else false
    end as is_one_year_contract,
    -- "earliest": by starts_on, then the latest ends_on (empty = latest), then the type
    row_number() over (
        partition by employment.employer_code, employment.person_key
        order by
            starts_on asc,
            ends_on desc nulls first,
            case contract_type
                when '无固定期限' then 1
                when '固定期限' then 2
                when '以完成一定工作任务为期限' then 3
                when '就业见习' then 4
                else 5
            end asc,
            ended_on desc nulls first,
            end_reason asc nulls first
    ) as rank_at_employer
from employment
-- many to at most one: not every employer has an insured unit
left join employers on employment.employer_code = employers.employer_code
