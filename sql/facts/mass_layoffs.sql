-- cut by: whole
-- Of each employer the persons whom it laid off for economic reasons in the month before D's, the
-- first day, and the latest report of layoffs (rulebook §3b). Grain: employer with such a person.
with layoffs as (
    select
        employer_code,
        count(distinct person_key) as laid_off_count,
        min(ended_on) as first_laid_off_on
    from employment_rows
    where
        month_of(ended_on) = month_plus($as_of_month, -1)
        and end_reason = '经济性裁员'
    group by employer_code
),

reported_layoffs as (
    select
        layoffs.employer_code,
        max(layoff_reports.reported_on) as reported_on,
        count(*) filter (
            where layoff_reports.reported_on
            between layoffs.first_laid_off_on - $layoff_report_days
            and layoffs.first_laid_off_on - $layoff_notice_days
        ) as reports_in_time
    from layoffs
    -- one to many
    inner join layoff_reports on layoffs.employer_code = layoff_reports.employer_code
    group by layoffs.employer_code
)

select
    layoffs.employer_code,
    layoffs.laid_off_count,
    layoffs.first_laid_off_on,
    reported_layoffs.reported_on,
    coalesce(reported_layoffs.reports_in_time, 0) as reports_in_time,
    -- without pay or staff before, no wage is due; without any payroll nothing is known of it
    case when wage_months.has_payroll then coalesce(wage_counts.unpaid_persons, 0) end
        as unpaid_persons
from layoffs
-- one to at most one, all three
left join reported_layoffs on layoffs.employer_code = reported_layoffs.employer_code
left join wage_counts
    on
        layoffs.employer_code = wage_counts.employer_code
        and wage_counts.month = month_plus($as_of_month, -1)
left join wage_months on wage_months.month = month_plus($as_of_month, -1)
