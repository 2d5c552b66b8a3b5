-- Two decisions in force that differ, of one clerk or two, settle nothing (rulebook §0).
-- Rows: one per policy, period, subject, beneficiary and provision.
select
    'contradicting_decisions' as finding,
    'warning' as severity,
    policy_id,
    '' as subject_kind,
    subject_id,
    concat(
        'decisions on ', provision, ' of period ', period, ', beneficiary ', beneficiary_id,
        ' differ and settle nothing: ',
        string_agg(
            concat(source_file, ':', source_line, ' ', decision, ' ', decided_by),
            ', '
            order by source_file, source_line
        )
    ) as detail
from decisions_in_force
group by policy_id, period, subject_id, beneficiary_id, provision
having count(distinct decision) > 1
order by policy_id, subject_id, detail
