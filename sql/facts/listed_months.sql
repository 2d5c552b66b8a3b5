-- listed_in_month(list,subject,m) for the lists that a policy asks of month by month: valid on at
-- least one day of the month. Grain: list, subject, month from 202001 to month(D).
select
    list,
    subject_kind,
    subject_id,
    month_from_number(
        unnest(
            range(
                month_number(greatest(month_of(valid_from), $first_paid_month)),
                month_number(least(month_of(valid_to), $as_of_month)) + 1
            )
        )
    ) as month
from current_designations
where list in ('就业见习单位', '就业困难人员')
