-- As much was paid for the same policy and period under another id that stands no more: to the same
-- employer, to a person of the same name, or of the same birth date and sex, or to an employer for
-- itself or for the same person, where no limit tells of it. Who got another id or code is two
-- parties to every extract; whose employer took in another is due the other's share on top, but for
-- a fen of rounding. Rows: one per line. Reads: batch_lines, unpaid_rows, party_names.
with lapsed_rows as (
    select
        policy_id,
        period,
        subject_kind,
        subject_id,
        beneficiary_kind,
        beneficiary_id,
        paid_before_fen,
        subject_name
    from unpaid_rows
    -- one row to at most one
    left join party_names using (subject_kind, subject_id)
    where
        status = 'unsupported'
        and determined_fen = 0
)

select
    'paid_under_other_id' as doubt,
    batch_lines.payment_id,
    batch_lines.period,
    batch_lines.subject_id,
    count(*) as found_count,
    string_agg(
        case
            when batch_lines.subject_id = lapsed_rows.subject_id then lapsed_rows.beneficiary_id
            else lapsed_rows.subject_id
        end,
        '、' order by lapsed_rows.subject_id, lapsed_rows.beneficiary_id
    ) as found
from batch_lines
-- a line to the few rows that lapsed and are alike
inner join lapsed_rows
    on
        batch_lines.policy_id = lapsed_rows.policy_id
        and batch_lines.period = lapsed_rows.period
        and batch_lines.subject_kind = lapsed_rows.subject_kind
        and batch_lines.beneficiary_kind = lapsed_rows.beneficiary_kind
        and (
            batch_lines.determined_fen = lapsed_rows.paid_before_fen
            or (
                batch_lines.subject_kind = 'employer'
                and abs(batch_lines.amount_fen - lapsed_rows.paid_before_fen) <= 1
            )
        )
        and (
            batch_lines.subject_id <> lapsed_rows.subject_id
            or batch_lines.beneficiary_id <> lapsed_rows.beneficiary_id
        )
-- one row to at most one
left join party_names
    on
        batch_lines.subject_kind = party_names.subject_kind
        and batch_lines.subject_id = party_names.subject_id
where
    batch_lines.subject_kind = 'employer'
    or (
        batch_lines.subject_id = lapsed_rows.subject_id
        and not list_contains($limited_policies, batch_lines.policy_id)
    )
    or (
        batch_lines.subject_id <> lapsed_rows.subject_id
        and batch_lines.beneficiary_kind = 'employer'
        and batch_lines.beneficiary_id = lapsed_rows.beneficiary_id
    )
    or (
        batch_lines.beneficiary_kind = 'person'
        and batch_lines.subject_id <> lapsed_rows.subject_id
        and (
            party_names.subject_name = lapsed_rows.subject_name
            or (
                substr(batch_lines.subject_id, 7, 8) = substr(lapsed_rows.subject_id, 7, 8)
                and substr(batch_lines.subject_id, 17, 1) in ('1', '3', '5', '7', '9')
                = substr(lapsed_rows.subject_id, 17, 1) in ('1', '3', '5', '7', '9')
            )
        )
    )
group by batch_lines.payment_id, batch_lines.period, batch_lines.subject_id
order by payment_id, period, subject_id
