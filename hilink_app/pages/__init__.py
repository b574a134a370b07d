"""The app's own pages. Each module has `PAGES`, a list of `PageSpec`; `hilink_app.hilink_app` adds them all."""
