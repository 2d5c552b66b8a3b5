-- universe: employer with enough staff in the second month before D's, period last month
-- cut by: whole
select
    employer_code as subject_id,
    -- 规模性失业风险: so many are gone, natural attrition left out
    gone_count > $warning_gone
    or 100 * gone_count >= $warning_gone_percent * staff_before as s17_many_gone,
    -- who went on together to one other employer did not lose their work
    moved_count = 0 or 100 * moved_count < $moved_percent * gone_count as s17_not_moved_together,
    0 as amount_fen,
    gone_count,
    staff_before,
    moved_count,
    -- 加强规上企业、重大项目和中美经贸摩擦、去产能、环保治理涉及企业用工监测
    is_listed_in_month('规模以上企业', '单位', employer_code, month_plus($as_of_month, -1))
    or is_listed_in_month('重大项目', '单位', employer_code, month_plus($as_of_month, -1))
    or is_listed_in_month('经贸摩擦企业', '单位', employer_code, month_plus($as_of_month, -1))
    or is_listed_in_month('化解过剩产能企业', '单位', employer_code, month_plus($as_of_month, -1))
    or is_listed_in_month('环保治理企业', '单位', employer_code, month_plus($as_of_month, -1))
        as is_in_focus,
    has_arrears_between(
        employer_code, month_plus($as_of_month, -1), month_plus($as_of_month, -1)
    ) as has_arrears,
    -- 达到规模性失业预警标准: of the whole list, transforms/answers/region.py
    $region_employers as region_employers,
    $region_gone as region_gone
from staff_losses
where staff_before >= $warning_staff
