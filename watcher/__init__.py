"""The daemon: notices files, asks the model, keeps the ledger, writes the reports."""
