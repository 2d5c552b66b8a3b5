"""What people read: explanations, lists, reports, workbooks."""
