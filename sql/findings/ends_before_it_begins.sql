-- A designation that ends before it begins is valid on no day (rulebook §1): a date is wrong.
-- Rows: one per row of designations.
select
    'ends_before_it_begins' as finding,
    'warning' as severity,
    '' as policy_id,
    case subject_kind when '单位' then 'employer' else 'person' end as subject_kind,
    subject_id,
    concat('list ', list, ' ', valid_from, ' to ', valid_to, ': ', source_file, ':', source_line)
        as detail
from designations
where valid_to < valid_from
order by subject_id, detail
