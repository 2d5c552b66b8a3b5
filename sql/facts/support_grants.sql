-- cut by: person, employer
-- What was granted before by someone else: our own payments are no facts. Grain: as the extract.
select
    support_type,
    subject_kind,
    subject_id,
    person_key,
    from_month,
    to_month,
    months_used
from judged_support
where not is_own
