FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/wiki
COPY requirements.txt ./
RUN pip install -q --no-cache-dir -r requirements.txt
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
