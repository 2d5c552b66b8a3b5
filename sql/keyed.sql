-- The keys of a policy's rows, as its card says them: period, kinds of subject and beneficiary;
-- and the months that the run can speak about, no other.
-- Grain: as the policy's sentences. Reads: policy_sentences.
with sentences as (
    select * from policy_sentences
    union all by name
    -- no row, but a column: a policy that is not about months has none
    select cast(null as integer) as month where false
)

select
    case when $period is null then period_of(sentences.month) else $period end as period,
    $subject_kind as subject_kind,
    sentences.subject_id,
    $beneficiary_kind as beneficiary_kind,
    columns($beneficiary) as beneficiary_id,
    columns('^(s[0-9]+|g)_'),
    cast(sentences.amount_fen as bigint) as amount_fen,
    columns($facts)
from sentences
where sentences.month is null or sentences.month between $reach_from_month and $reach_to_month
order by period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
