-- cut by: person
-- Persons on list 建档立卡 on D, and since when; of several entries the latest. Grain: person.
select
    subject_id as person_id,
    person_key_of(subject_id) as person_key,
    max(valid_from) as valid_from
from designations
where
    list = '建档立卡'
    and subject_kind = '个人'
    and (valid_to is null or valid_to >= $as_of)
group by subject_id
