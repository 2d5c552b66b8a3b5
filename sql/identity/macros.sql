-- Which insurance a booking is for, as a number.
create or replace macro insurance_series(insurance) as list_position(
    ['养老', '医疗', '失业', '工伤', '生育'], insurance
);

-- Blocks of an id: four windows, one of which holds any one error, leave the other digits as they
-- are. The right part is counted from the end of the first 17, so that a lost digit moves nothing.
create or replace macro id_keys(digits, width) as case
    when length(digits) between 16 and 20
        then [
            'a' || left(digits, 13),
            'b' || right(left(digits, length(digits) - width + 17), 11),
            'c' || left(digits, 5) || right(left(digits, length(digits) - width + 17), 6),
            'd' || left(digits, 9) || right(left(digits, length(digits) - width + 17), 2)
        ]
    when length(digits) >= 13 then ['a' || left(digits, 13)]
    else []
end;

-- Blocks of a name at an employer: with each of its characters left open in turn.
create or replace macro name_keys(employer_key, name) as list_transform(
    range(1, coalesce(length(name), 0) + 1),
    lambda place: 'e' || employer_key || ' ' || left(name, place - 1) || '?' || substr(name, place + 1)
);
