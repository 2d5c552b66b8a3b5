-- cut by: person
-- Rows that are our own payments come back: left out of every rule, listed in the manifest.
-- Grain: as the extracts.
select
    'support' as kind,
    source_file,
    source_line
from judged_support
where is_own
union all
select
    'unemployment_benefits' as kind,
    source_file,
    source_line
from judged_benefits
where is_own
order by kind, source_file, source_line
