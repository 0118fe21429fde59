"""The loss report: one document that says what a migration did, lost, refused and still owes.

Here: what is asked of the target database (``gather.py``, ``sql/``), what Dagster's records say of the runs
(``facts.py`` receives it, ``pace.py`` sums it up), and the document as Markdown, JSON and pictures. Not here: Dagster
(``assets/migration_report.py``) and the counting of losses (``transform/``, ``postgres/``).

Examples are ids and short words of Stream's own vocabulary, never what people wrote.
"""
