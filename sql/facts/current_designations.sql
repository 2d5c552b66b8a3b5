-- The visible rows of the lists. Grain: as the extract.
select
    list,
    subject_kind,
    subject_id,
    valid_from,
    valid_to
from designations
order by list, subject_kind, subject_id, valid_from, valid_to
