-- Whether accounts were delivered: a delivered kind is a view over its files, another a table.
-- Grain: one row.
select count(*) > 0 as is_delivered
from information_schema.tables
where table_name = 'delivered_accounts' and table_type = 'VIEW'
order by is_delivered
