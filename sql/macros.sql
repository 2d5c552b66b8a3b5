-- Calendar, rounding and identity numbers, said once. Months are integers YYYYMM.
-- A month mask holds 60 months (an era) in one integer; eras are counted from 1898-01 so that
-- 2018 to 2022 lie in one era and practically all rows of a person need a single mask.

create or replace macro month_of(day) as cast(year(day) * 100 + month(day) as integer);

create or replace macro month_number(yyyymm) as yyyymm // 100 * 12 + yyyymm % 100 - 1;

create or replace macro month_plus(yyyymm, months) as cast(
    (month_number(yyyymm) + months) // 12 * 100 + (month_number(yyyymm) + months) % 12 + 1
    as integer
);

create or replace macro month_first_day(yyyymm) as make_date(yyyymm // 100, yyyymm % 100, 1);

create or replace macro month_last_day(yyyymm) as last_day(month_first_day(yyyymm));

create or replace macro period_of(yyyymm) as printf('%04d-%02d', yyyymm // 100, yyyymm % 100);

create or replace macro month_era(yyyymm) as cast(
    (month_number(yyyymm) - 1898 * 12) // 60 as integer
);

create or replace macro month_bit(yyyymm) as
cast(1 as bigint) << ((month_number(yyyymm) - 1898 * 12) % 60);

-- The bits of the months from_month … to_month that lie in an era; 0 if there are none.
create or replace macro months_mask(era, from_month, to_month) as case
    when greatest(month_number(from_month) - 1898 * 12 - era * 60, 0)
        <= least(month_number(to_month) - 1898 * 12 - era * 60, 59)
        then
            (cast(1 as bigint) << (least(month_number(to_month) - 1898 * 12 - era * 60, 59) + 1))
            - (cast(1 as bigint) << greatest(month_number(from_month) - 1898 * 12 - era * 60, 0))
    else 0
end;

-- "Lands on the corresponding day, or on the month's last day if there is none."
create or replace macro plus_years(day, years) as cast(day + to_years(years) as date);

create or replace macro plus_months(day, months) as cast(day + to_months(months) as date);

-- Half up, once, from an exact fraction of whole numbers that is not below zero.
create or replace macro half_up(numerator, denominator) as cast(
    (2 * cast(numerator as hugeint) + denominator) // (2 * cast(denominator as hugeint)) as bigint
);

create or replace macro rounded_down(numerator, denominator) as cast(
    cast(numerator as hugeint) // denominator as bigint
);

-- One number of eight digits is read once, however often it is named.
create or replace macro born_on(person_id) as make_date(
    cast(substr(person_id, 7, 8) as integer) // 10000,
    cast(substr(person_id, 7, 8) as integer) // 100 % 100,
    cast(substr(person_id, 7, 8) as integer) % 100
);

create or replace macro is_male(person_id) as cast(substr(person_id, 17, 1) as integer) % 2 = 1;

-- The town or subdistrict of a division code, whatever place in it the code names. A code of fewer
-- digits, or with noughts for the town, is a county's and names none.
create or replace macro town_of(division_code) as case
    when regexp_matches(division_code, '^[0-9]{9}') and substr(division_code, 7, 3) <> '000'
        then left(division_code, 9)
end;

create or replace macro person_key_of(person_id) as try_cast(left(person_id, 17) as bigint);

-- All provisions but the last-named one are true, unknown ones once a clerk has said yes.
create or replace macro all_true_or_answered(provisions, provision_values, answered_yes) as len(
    list_filter(
        list_zip(provisions, provision_values, true),
        lambda pair: not (
            pair[2] is true
            or (pair[2] is null and list_contains(answered_yes, pair[1]) is true)
        )
    )
) = 0;

create or replace macro reaches_age_on(person_id, age_men, age_women) as plus_years(
    born_on(person_id), case when is_male(person_id) then age_men else age_women end
);

-- retirement_date(p): a woman without a category takes the age that is handed in for her.
create or replace macro retirement_on(
    person_id, staff_category, age_men, age_cadre, age_worker, age_unknown
) as plus_years(
    born_on(person_id),
    case
        when is_male(person_id) then age_men
        when staff_category = '干部' then age_cadre
        when staff_category in ('工人', '农民工') then age_worker
        else age_unknown
    end
);

-- Known only if both ages that are tried give the same answer.
create or replace macro same_answer(earliest, latest) as
case when earliest = latest then earliest end;

create or replace macro retires_in_the_year_after(last_month, retires_on) as
month_last_day(last_month) < retires_on
and retires_on < plus_years(month_last_day(last_month), 1);

create or replace macro is_within_one_year(last_month, earliest_on, latest_on) as same_answer(
    retires_in_the_year_after(last_month, earliest_on),
    retires_in_the_year_after(last_month, latest_on)
);

-- The month of the birthday is paid.
create or replace macro is_up_to_retirement(yyyymm, earliest_on, latest_on) as same_answer(
    yyyymm <= month_of(earliest_on), yyyymm <= month_of(latest_on)
);

-- The months that follow one.
create or replace macro months_after(yyyymm, months) as list_transform(
    range(1, months + 1), lambda step: month_plus(yyyymm, step)
);

create or replace macro month_from_number(number) as cast(
    number // 12 * 100 + number % 12 + 1 as integer
);

create or replace macro day_number(day) as year(day) * 10000 + month(day) * 100 + day(day);

-- A person_key is the first 17 digits of a citizen id; the check character follows (GB 11643).
create or replace macro person_id_of(person_key) as concat(
    person_key,
    substr(
        '10X98765432',
        cast(
            1 + list_sum(
                list_transform(
                    list_zip(
                        range(1, 18), [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
                    ),
                    lambda pair: pair[2]
                    * cast(substr(cast(person_key as varchar), pair[1], 1) as integer)
                )
            ) % 11
            as integer
        ),
        1
    )
);

-- The latest month of a mask that is not 0.
create or replace macro latest_month_in(era, mask) as month_from_number(
    1898 * 12 + era * 60 + length(bin(mask)) - 1
);
