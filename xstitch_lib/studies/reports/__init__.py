"""What pages say of records: a file a study, a function a section; named texts, and data of tables and figures."""
