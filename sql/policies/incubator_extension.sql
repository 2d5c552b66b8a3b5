-- universe: employer with an agreement with an incubator in the epidemic, period 2020
-- cut by: employer
select
    employer_code as subject_id,
    -- 企业 (reading: registered and in business)
    status in ('存续', '在业') as s16_in_business,
    0 as amount_fen,
    status,
    incubator,
    from_date as agreement_from,
    to_date as agreement_to,
    -- 最低延长3个月协议扶持期限
    plus_months(to_date, $incubator_extension_months) as extended_to,
    rent_free
from incubator_tenancies
-- one to at most one: no registration, nothing known of its standing
left join registrations using (employer_code)
