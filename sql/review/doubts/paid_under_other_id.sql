-- Money was paid for the same policy and period under another id that stands no more. Who got
-- another id or code is two parties to every extract: as much to a person of the same name,
-- account, or birth date and sex, or to an employer for itself or for the same person, where no
-- limit tells of it. Whose employer took in another is due the other's share on top, but for a fen
-- of rounding; whose insured units are now a payee's, whatever was paid it under the policy or the
-- other of a pair. Rows: one per line. Reads: batch_lines, batch_payees, unpaid_rows, party_names,
-- paid_entries, units_then, insured_units.
with earlier_payments as (
    select
        policy_id,
        period,
        subject_id,
        beneficiary_id,
        list(distinct account_no) as accounts,
        list(distinct holder) as holders
    from paid_entries
    where not is_reversed
    group by policy_id, period, subject_id, beneficiary_id
),

taken_in as (
    select
        units_then.employer_code as beneficiary_id,
        list(distinct insured_units.employer_code) as taken_in_by
    from units_then
    -- one unit to at most one
    inner join insured_units
        on
            units_then.unit_no = insured_units.unit_no
            and units_then.employer_code <> insured_units.employer_code
    group by units_then.employer_code
),

pairs as (
    select
        split_part(listed.pair, ' ', 1) as line_policy,
        split_part(listed.pair, ' ', 2) as policy_id
    from unnest($pairs) as listed (pair)
),

lapsed_rows as (
    select
        pairs.line_policy,
        unpaid_rows.policy_id,
        unpaid_rows.period,
        unpaid_rows.subject_kind,
        unpaid_rows.subject_id,
        unpaid_rows.beneficiary_kind,
        unpaid_rows.beneficiary_id,
        unpaid_rows.paid_before_fen,
        party_names.subject_name,
        coalesce(earlier_payments.accounts, []) as accounts,
        coalesce(earlier_payments.holders, []) as holders,
        coalesce(taken_in.taken_in_by, []) as taken_in_by
    from unpaid_rows
    -- one row to those of its pair
    inner join pairs using (policy_id)
    -- one row to at most one, three times
    left join party_names using (subject_kind, subject_id)
    left join earlier_payments using (policy_id, period, subject_id, beneficiary_id)
    left join taken_in using (beneficiary_id)
    where
        unpaid_rows.status = 'unsupported'
        and unpaid_rows.determined_fen = 0
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
-- many lines to one
inner join batch_payees using (payment_id)
-- a line to the few rows that lapsed and are alike
inner join lapsed_rows
    on
        batch_lines.policy_id = lapsed_rows.line_policy
        and batch_lines.period = lapsed_rows.period
        and batch_lines.subject_kind = lapsed_rows.subject_kind
        and batch_lines.beneficiary_kind = lapsed_rows.beneficiary_kind
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
    (
        batch_lines.subject_kind = 'employer'
        and (
            list_contains(lapsed_rows.taken_in_by, batch_lines.beneficiary_id)
            or (
                batch_lines.policy_id = lapsed_rows.policy_id
                and (
                    batch_lines.determined_fen = lapsed_rows.paid_before_fen
                    or abs(batch_lines.amount_fen - lapsed_rows.paid_before_fen) <= 1
                )
            )
        )
    )
    or (
        batch_lines.subject_kind <> 'employer'
        and batch_lines.policy_id = lapsed_rows.policy_id
        and batch_lines.determined_fen = lapsed_rows.paid_before_fen
        and (
            (
                batch_lines.subject_id = lapsed_rows.subject_id
                and not list_contains($limited_policies, batch_lines.policy_id)
            )
            or (
                batch_lines.subject_id <> lapsed_rows.subject_id
                and batch_lines.beneficiary_kind = 'employer'
                and batch_lines.beneficiary_id = lapsed_rows.beneficiary_id
            )
            or (
                batch_lines.subject_id <> lapsed_rows.subject_id
                and batch_lines.beneficiary_kind = 'person'
                and (
                    party_names.subject_name = lapsed_rows.subject_name
                    or list_contains(lapsed_rows.accounts, batch_payees.account_no)
                    or list_contains(lapsed_rows.holders, batch_payees.holder)
                    or (
                        substr(batch_lines.subject_id, 7, 8)
                        = substr(lapsed_rows.subject_id, 7, 8)
                        and substr(batch_lines.subject_id, 17, 1) in ('1', '3', '5', '7', '9')
                        = substr(lapsed_rows.subject_id, 17, 1) in ('1', '3', '5', '7', '9')
                    )
                )
            )
        )
    )
group by batch_lines.payment_id, batch_lines.period, batch_lines.subject_id
order by payment_id, period, subject_id
