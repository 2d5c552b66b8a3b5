-- universe: employer on list 经营困难且恢复有望企业 on D, insured for unemployment in some month of 2019
-- cut by: employer
select
    employer_code as subject_id,
    -- 对不裁员或少裁员的参保企业
    entity_type = '企业' as s5_is_enterprise,
    -- 参保；上年度实际缴纳失业保险费
    months_insured = 12 as s5_insured_all_year,
    -- 上年度实际缴纳失业保险费 (reading: nothing of the base year is owed)
    arrears_months = 0 as s5_no_arrears,
    -- 裁员率标准放宽到5%，30人（含）以下的参保企业放宽到不超过参保职工总数的20%
    is_within_layoff_limit as s5_layoffs_within_limit,
    -- a dispatch unit's staff need a look: never false by itself, only unknown
    case when not is_dispatch then true end as s5_not_dispatcher,
    -- 严重失信、僵尸企业、拖欠农民工工资失信企业不享受
    has_good_standing(employer_code) as g_good_standing,
    -- 一年一次
    grants_before = 0 as g_not_granted_before,
    -- 返还标准可按6个月的上年末当地月人均失业保险金和参保职工人数确定
    $difficult_months * $average_benefit_fen * headcount_end as amount_fen,
    entity_type,
    is_dispatch,
    months_insured,
    headcount_start,
    headcount_end,
    headcount_sum,
    attrition_count,
    claim_count,
    layoff_count,
    layoff_limit_percent,
    arrears_months,
    grants_before
from stability_employers
where is_valid_on('经营困难且恢复有望企业', '单位', employer_code, $as_of)
