-- The run found about a line's subject or payee what audits found elsewhere (sql/findings): one of
-- $audit_findings. What stands behind the colon of its detail are figures and codes.
-- Rows: one per line and finding. Reads: batch_lines, run_findings.
with line_parties as (
    select
        payment_id,
        period,
        subject_id,
        subject_id as party_id
    from batch_lines
    union
    select
        payment_id,
        period,
        subject_id,
        beneficiary_id as party_id
    from batch_lines
)

select
    line_parties.payment_id,
    line_parties.period,
    line_parties.subject_id,
    run_findings.finding as doubt,
    count(*) as found_count,
    string_agg(
        distinct split_part(run_findings.detail, ': ', 2), '; '
        order by split_part(run_findings.detail, ': ', 2)
    ) as found
from line_parties
-- many to many: the few findings of a party
inner join run_findings on line_parties.party_id = run_findings.subject_id
where list_contains($audit_findings, run_findings.finding)
group by
    line_parties.payment_id,
    line_parties.period,
    line_parties.subject_id,
    run_findings.finding
order by doubt, payment_id, period, subject_id
