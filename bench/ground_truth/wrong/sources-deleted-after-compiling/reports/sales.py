TITLE = "Sales"
