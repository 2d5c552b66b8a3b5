-- universe: employer with attendance in the holiday window, period 2020
-- cut by: whole
select
    employer_code as subject_id,
    -- 疫情防控重点物资生产企业
    was_listed_since('疫情防控重点物资生产企业', '单位', employer_code, $holiday_window_from)
        as s1_listed_key_supplier,
    -- 对春节期间（截至2020年2月9日）开工生产的企业
    counted_days >= 1 as s1_worked_in_window,
    -- 严重失信、僵尸企业、拖欠农民工工资失信企业不享受
    has_good_standing(employer_code) as g_good_standing,
    -- 一次性
    not was_granted('一次性用工补贴', '单位', employer_code) as g_not_granted_before,
    -- 给予每人每天200元一次性用工补贴，每个企业最高不超过50万元
    least(counted_fen, $holiday_cap_fen) as amount_fen,
    attended_days,
    paid_days,
    doubled_days,
    counted_days,
    counted_fen
from holiday_employers
