-- Persons whose payments some policy may give back: graduates, and those who had a public post or
-- a flexible subsidy. It only spares a scan; which policy asks for whom is said in the policies.
-- Grain: person.
select person_key
from graduates
group by person_key
union
select person_key
from support_grants
where support_type in ('公益性岗位', '灵活就业社保补贴')
