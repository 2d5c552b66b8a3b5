-- limited to: persons of (graduations, support_grants)
-- cut by: person
-- Persons whose payments some policy may give back: graduates, and those who were granted
-- something before. It only spares a scan; which policy asks for whom is said in the policies.
-- Grain: person.
select person_key
from graduations
group by person_key
union
select person_key
from support_grants
where subject_kind = '个人'
