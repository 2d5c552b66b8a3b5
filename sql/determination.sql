-- The only place where an outcome is decided, for every policy alike (rulebook §0).
-- One false: ineligible. None false, one unknown: undetermined. All true: eligible.
-- A clerk's answer replaces an unknown provision, never a known one.
-- Grain: one row per row of the policy. Reads: policy_rows, answers_by_row.
with judged_rows as (
    select
        policy_rows.period,
        policy_rows.subject_kind,
        policy_rows.subject_id,
        policy_rows.beneficiary_kind,
        policy_rows.beneficiary_id,
        policy_rows.amount_fen,
        answers_by_row.provisions as answered_provisions,
        answers_by_row.answers,
        answers_by_row.document_nos,
        list_value(*columns('^(s[0-9]+|g)_')) as provision_values
    from policy_rows
    -- many rows to at most one: answers_by_row has one row per key
    left join answers_by_row
        on
            $policy_id = answers_by_row.policy_id
            and policy_rows.period = answers_by_row.period
            and policy_rows.subject_id = answers_by_row.subject_id
            and policy_rows.beneficiary_id = answers_by_row.beneficiary_id
),

answered_rows as (
    select
        *,
        list_transform(
            list_zip($provisions, provision_values, true),
            lambda pair: {
                'provision': pair[1],
                'is_true': case
                    when pair[2] is not null then pair[2]
                    else answers[list_position(answered_provisions, pair[1])]
                end,
                'answer': case
                    when pair[2] is null and list_contains(answered_provisions, pair[1])
                        then concat(
                            pair[1],
                            case
                                when answers[list_position(answered_provisions, pair[1])]
                                    then '=是' else '=否'
                            end,
                            ' ',
                            document_nos[list_position(answered_provisions, pair[1])]
                        )
                end
            }
        ) as provisions
    from judged_rows
),

decided_rows as (
    select
        *,
        case
            when len(list_filter(provisions, lambda entry: entry.is_true is false)) > 0
                then 'ineligible'
            when len(list_filter(provisions, lambda entry: entry.is_true is null)) > 0
                then 'undetermined'
            else 'eligible'
        end as outcome
    from answered_rows
)

select
    $policy_id as policy_id,
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    outcome,
    case when outcome = 'eligible' then amount_fen else 0 end as amount_fen,
    list_sort(
        list_transform(
            list_filter(provisions, lambda entry: entry.is_true is distinct from true),
            lambda entry: entry.provision
        )
    ) as reason_codes,
    list_transform(
        list_filter(provisions, lambda entry: entry.answer is not null),
        lambda entry: entry.answer
    ) as clerk_answers
from decided_rows
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
