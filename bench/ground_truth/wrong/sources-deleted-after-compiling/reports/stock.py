TITLE = "Stock"
