"""What a class is given: the notebook, and a self-check without any right answer in source form.

A self-check asks a student's functions some questions in the student's own Python. It must never
call wrong what the grader accepts. So a question is handed out only where its check is seen to
notice every deviation from the right answer, and where all right answers of the bank agree.

Here: which questions (`freedom.py`, `exercises.py`), their file (`data_file.py`), the folder
(`folder.py`), and the file that students import (`student_file.py`). Not here: how a notebook that
uses it is graded (`guest/library/selfcheck.py`, `reading/self_checks.py`).
"""
