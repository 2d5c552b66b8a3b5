-- What a card limits ("a person counts once", "twelve months at most"): rows of a subject count in
-- the order of their turn, and only those all of whose other provisions are true, a clerk's answers
-- included. Rows of one turn are one: a month at two employers is one month.
-- Grain: as the policy. Reads: keyed_rows, answers_by_row.
with limited_rows as (
    select
        *,
        try_cast(replace(period, '-', '') as integer) as month,
        -- of a limit that does not ask what others granted
        0 as none_used_before
    from keyed_rows
),

judged_rows as (
    select
        limited_rows.*,
        all_true_or_answered(
            $other_provisions,
            list_value(*columns('^(s[0-9]+|g)_')),
            answers_by_row.yes_provisions
        ) as is_countable
    from limited_rows
    -- one to at most one
    left join answers_by_row
        on
            $policy_id = answers_by_row.policy_id
            and limited_rows.period = answers_by_row.period
            and limited_rows.subject_id = answers_by_row.subject_id
            and limited_rows.beneficiary_id = answers_by_row.beneficiary_id
),

counted_rows as (
    select
        *,
        -- turns of the subject before this one: rows of the same turn are no earlier ones
        count(distinct turn) filter (where is_countable) over (
            partition by subject_id order by turn
            range between unbounded preceding and current row exclude group
        ) as earlier_months
    from judged_rows
)

select
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    columns('^(s[0-9]+|g)_'),
    columns($used_before) + earlier_months + 1 <= $limit_count as is_within_limit,
    amount_fen,
    columns($facts_shown)
from counted_rows
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
