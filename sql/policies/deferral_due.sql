-- universe: employer with contributions deferred still, period month(D)
-- cut by: employer
select
    employer_code as subject_id,
    -- 缓缴期最长6个月；缓缴期满后,企业足额补缴 (warned so many months before)
    $as_of_month
    >= month_plus(first_deferred_month, $deferral_months - $deferral_warn_months)
        as s4_due_or_soon,
    -- 足额补缴缓缴的社会保险费: all that is deferred still
    deferred_fen as amount_fen,
    first_deferred_month,
    month_plus(first_deferred_month, $deferral_months) as deferral_due_month,
    $as_of_month > month_plus(first_deferred_month, $deferral_months) as is_deferral_overdue,
    deferred_persons,
    months_deferred
from deferred_employers
