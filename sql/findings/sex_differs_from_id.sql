-- The sex that the insurance register states is not that of the citizen id, which the rules use.
-- Rows: one per person.
select
    'sex_differs_from_id' as finding,
    'warning' as severity,
    '' as policy_id,
    'person' as subject_kind,
    person_id as subject_id,
    concat(
        'insured_persons says ', sex, ', the citizen id says ',
        case when is_male(person_id) then '男' else '女' end, '; the id decides: ',
        source_file, ':', source_line
    ) as detail
from insured_persons
where
    sex is not null
    and is_male(person_id) <> (sex = '男')
order by subject_id
