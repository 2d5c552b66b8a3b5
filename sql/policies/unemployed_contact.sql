-- universe: person registered unemployed on D, period month(D)
-- cut by: person
select
    person_id as subject_id,
    -- 失业人员…定期联系: who was employed in the month before is not unemployed any more
    not is_kept_in(person_key, month_plus($as_of_month, -1)) as s23_not_employed,
    day_of_death(person_key) is null as g_alive,
    -- 服刑期间不享受
    is_free_in(person_key, $as_of_month) as g_free,
    0 as amount_fen,
    registered_on,
    $as_of - registered_on as days_registered,
    -- 分类分级服务: the first class that applies
    case
        when
            is_valid_on('就业困难人员', '个人', person_id, $as_of)
            or is_valid_on('残疾人', '个人', person_id, $as_of)
            or is_valid_on('建档立卡', '个人', person_id, $as_of)
            then '困难'
        when has_graduated_within(person_key, $as_of, $graduate_years) then '毕业生'
        when plus_months(registered_on, $long_unemployed_months) <= $as_of then '长期失业'
        else '一般'
    end as service_class,
    is_willing,
    day_of_death(person_key) as died_on
from latest_registrations
