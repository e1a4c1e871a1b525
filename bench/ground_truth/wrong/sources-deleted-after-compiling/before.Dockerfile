FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/reports
COPY server.py ./
COPY reports/ reports/
RUN python -m compileall -q -b .
EXPOSE 8000
CMD ["python", "server.pyc"]
