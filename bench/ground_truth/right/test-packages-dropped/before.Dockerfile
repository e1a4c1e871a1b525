FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/wiki
COPY requirements.txt requirements-test.txt ./
RUN pip install -q --no-cache-dir -r requirements.txt -r requirements-test.txt
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
