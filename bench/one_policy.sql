-- `new_hire_subsidy` in Spark SQL, as an analyst would write it for this one question.
-- 2020-11-30 and the rest of what is written out here stand on the card of the policy.
with jobs as (
    select * from employment where starts_on <= date '2020-11-30'
),

units as (
    select employer_code, max(employer_key) as employer_key, bool_or(is_dispatch = '是') as is_dispatch
    from insured_units
    group by employer_code
),

ranked as (
    select
        *,
        row_number() over (
            partition by employer_code, person_key
            order by starts_on, ends_on desc nulls first, contract_type = '无固定期限' desc,
                contract_type = '固定期限' desc
        ) as turn
    from jobs
    where
        starts_on between date '2020-02-10' and date '2020-03-10'
        and contract_type in ('无固定期限', '固定期限', '以完成一定工作任务为期限')
),

hires as (
    select
        ranked.*,
        units.employer_key,
        units.is_dispatch,
        year(starts_on) * 100 + month(starts_on) as first,
        year(add_months(starts_on, -6)) * 100 + month(add_months(starts_on, -6)) as before
    from ranked
    left join units on ranked.employer_code = units.employer_code
    where turn = 1
),

booked as (
    select
        c.person_key, c.employer_key, c.insurance, c.month,
        bool_or(c.entry <> '退费' and c.state in ('已到账', '缓缴')) as is_booked,
        bool_or(c.entry = '退费' and c.state = '已到账') as is_refunded,
        sum(case when c.state = '已到账' then c.unit_fen + c.person_fen end) as arrived_fen
    from contributions as c
    left semi join hires on c.person_key = hires.person_key
    where
        c.insurance in ('养老', '医疗', '失业')
        and c.month between 201908 and 202011
        and (c.state <> '已到账' or c.paid_on <= date '2020-11-30')
    group by c.person_key, c.employer_key, c.insurance, c.month
),

insured as (
    select
        hires.employer_code, hires.person_key,
        bool_or(booked.insurance = '养老' and booked.month >= hires.first) as is_after,
        bool_or(booked.month >= hires.before and booked.month < hires.first) as is_before
    from hires
    join booked
        on hires.person_key = booked.person_key and hires.employer_key = booked.employer_key
    where booked.is_booked and not (booked.is_refunded and booked.arrived_fen <= 0)
    group by hires.employer_code, hires.person_key
),

hired as (
    select distinct hires.employer_code, hires.person_key, true as is_hired
    from hires
    join jobs
        on hires.employer_code = jobs.employer_code and hires.person_key = jobs.person_key
    where jobs.starts_on >= add_months(hires.starts_on, -6) and jobs.starts_on < hires.starts_on
),

listed as (
    select distinct subject_id as employer_code, true as is_listed
    from designations
    where
        list in ('严重失信', '僵尸企业', '拖欠农民工工资失信') and subject_kind = '单位'
        and valid_from <= date '2020-11-30'
        and (valid_to is null or valid_to >= date '2020-11-30')
),

granted as (
    select distinct subject_id as person_id, true as is_granted
    from support
    where
        support_type = '一次性吸纳就业补贴' and subject_kind = '个人' and from_month <= 202011
),

judged as (
    select
        hires.*,
        case contract_type
            when '无固定期限' then true
            when '固定期限' then ends_on >= date_sub(add_months(starts_on, 12), 1)
            else false
        end as s1,
        coalesce(is_after, false) as s2,
        not coalesce(is_before, false) and not coalesce(is_hired, false) as s3,
        not is_dispatch as s4,
        case when is_listed then false else status in ('存续', '在业') end as s5,
        not coalesce(is_granted, false) as s6
    from hires
    left join insured using (employer_code, person_key)
    left join hired using (employer_code, person_key)
    left join listed using (employer_code)
    left join registrations using (employer_code)
    left join granted using (person_id)
),

counted as (
    select
        *,
        coalesce(s1 and s2 and s3 and s4 and s5 and s6, false) as counts,
        count_if(coalesce(s1 and s2 and s3 and s4 and s5 and s6, false)) over (
            partition by person_id order by starts_on, employer_code
            rows between unbounded preceding and 1 preceding
        ) as earlier
    from judged
)

select
    person_id as subject_id,
    employer_code as beneficiary_id,
    case
        when not (s1 and s2 and s3 and s4 and s5 and s6) or earlier > 0 then 'ineligible'
        when counts then 'eligible'
        else 'undetermined'
    end as outcome,
    case when counts and earlier = 0 then 100000 else 0 end as amount_fen
from counted
