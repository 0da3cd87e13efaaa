"""Images against a bank: one, or folders of them in a run that resumes and can be shared out."""
