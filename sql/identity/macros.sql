-- Which insurance a booking is for, as a number.
create or replace macro insurance_series(insurance) as list_position(
    ['养老', '医疗', '失业', '工伤', '生育'], insurance
);

-- Blocks of an id: five windows, one of which holds any one error, leave the other digits as they
-- are. The right part is counted from the end of the first 17, so that a lost digit moves nothing.
create or replace macro id_keys(digits, width) as case
    when length(digits) between 16 and 20
        then list_concat(
            ['a' || left(digits, 14)],
            list_transform(
                [[0, 11], [5, 8], [8, 5], [11, 2]],
                lambda kept: kept[1] || left(digits, kept[1])
                || right(left(digits, length(digits) - width + 17), kept[2])
            )
        )
    when length(digits) >= 14 then ['a' || left(digits, 14)]
    else []
end;

-- Blocks of a name at an employer: with each of its characters left open in turn.
create or replace macro name_keys(employer_key, name) as list_transform(
    range(1, coalesce(length(name), 0) + 1),
    lambda place: 'e' || employer_key || ' ' || left(name, place - 1) || '?'
    || substr(name, place + 1)
);

-- How many digits differ, place by place. What costs more is asked only where it can be so: `case`
-- leaves the other pairs out, `and` would not.
create or replace macro digits_wrong(digits, id) as case
    when length(digits) = length(id) then hamming(digits, id)
end;

create or replace macro are_transposed(digits, id) as case
    when digits_wrong(digits, id) = 2 then damerau_levenshtein(digits, id) = 1
    else false
end;

create or replace macro is_one_more(longer, shorter) as case
    when length(longer) = length(shorter) + 1 then levenshtein(longer, shorter) = 1
    else false
end;

create or replace macro milli(weight) as round(weight * 1000)::bigint;
