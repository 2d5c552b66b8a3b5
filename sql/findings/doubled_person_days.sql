-- A day that would count for two employers counts for neither (rulebook §2, item 1).
-- Rows: one per person and day, where policy_holiday_production_subsidy ran.
select
    'doubled_person_days' as finding,
    'warning' as severity,
    'holiday_production_subsidy' as policy_id,
    'person' as subject_kind,
    person_id as subject_id,
    concat(
        'attended and paid on ', worked_on, ' at more than one employer, counted for none: ',
        string_agg(employer_code, ', ' order by employer_code)
    ) as detail
from doubled_days
-- only where the policy ran: its rows are not needed, its being there is
where exists (select 1 from policy_holiday_production_subsidy)
group by person_id, worked_on
order by subject_id, detail
