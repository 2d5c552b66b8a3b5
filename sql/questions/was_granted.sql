-- cut by: person, employer
-- A support row of that type, by someone else: our own payments are no facts.
create or replace macro was_granted(support_type, subject_kind, subject_id) as exists (
    select 1
    from (values (support_type, subject_kind, subject_id))
        as asked (support_type, subject_kind, subject_id)
    inner join support_grants
        on
            asked.support_type = support_grants.support_type
            and asked.subject_kind = support_grants.subject_kind
            and asked.subject_id = support_grants.subject_id
);
