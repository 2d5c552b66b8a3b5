-- universe: employer that laid off for economic reasons, period last month
-- cut by: whole
select
    employer_code as subject_id,
    -- 裁减人员二十人以上或者…占企业职工总数百分之十以上 (劳动合同法第四十一条)
    laid_off_count >= $layoff_persons
    or 100 * laid_off_count
    >= $layoff_percent * staff_of(employer_code, month_plus($as_of_month, -2)) as s18_mass_layoff,
    -- 提前30日向工会或全体职工说明相关情况
    reports_in_time = 0 as s18_not_reported_in_time,
    0 as amount_fen,
    laid_off_count,
    staff_of(employer_code, month_plus($as_of_month, -2)) as staff_before,
    first_laid_off_on,
    reported_on,
    -- 补缴欠缴的社会保险费
    has_arrears_between(employer_code, 190001, month_plus($as_of_month, -1)) as has_arrears,
    -- 偿还拖欠的职工工资
    unpaid_persons
from mass_layoffs
