"""What leaves the house: bank files by profile, pain.001, workbooks for reviewers."""
