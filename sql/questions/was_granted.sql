-- cut by: person, employer
-- A support row of that type, by someone else: our own payments are no facts.
create or replace macro was_granted(support_type, subject_kind, subject_id) as exists (
    select 1
    from (values (support_type, subject_kind, subject_id))
        as asked (support_type, subject_kind, subject_id)
    inner join support_grants using (support_type, subject_kind, subject_id)
);
