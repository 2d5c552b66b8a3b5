-- Which days left a trace of a person: work, wages, registrations, a clerk's yes.
-- Grain: one row per row of an extract. Reads: traced_lines.
with asked_persons as (
    select person_key
    from traced_lines
    group by person_key
)

select
    attendance.person_key,
    attendance.worked_on as trace_on,
    'trace_attended' as trace
from attendance
-- many to at most one, here and in each one below
semi join asked_persons on attendance.person_key = asked_persons.person_key
union all
select
    payroll.person_key,
    payroll.paid_on as trace_on,
    'trace_wage' as trace
from payroll
semi join asked_persons on payroll.person_key = asked_persons.person_key
where payroll.net_fen > 0
union all
select
    unemployment.person_key,
    unemployment.registered_on as trace_on,
    'trace_unemployed' as trace
from unemployment
semi join asked_persons on unemployment.person_key = asked_persons.person_key
union all
select
    employment.person_key,
    employment.starts_on as trace_on,
    'trace_contract' as trace
from employment
semi join asked_persons on employment.person_key = asked_persons.person_key
union all
select
    graduates.person_key,
    graduates.graduated_on as trace_on,
    'trace_graduation' as trace
from graduates
semi join asked_persons on graduates.person_key = asked_persons.person_key
union all
select
    person_key_of(decisions_in_force.subject_id) as person_key,
    decisions_in_force.decided_on as trace_on,
    'trace_decision' as trace
from decisions_in_force
-- many clerks who agree to the one answer that holds
inner join clerical_answers using (policy_id, period, subject_id, beneficiary_id, provision)
semi join asked_persons
    on person_key_of(decisions_in_force.subject_id) = asked_persons.person_key
where
    clerical_answers.is_yes
    and decisions_in_force.provision not in ('recovery', 'same_person')
order by person_key, trace_on, trace
