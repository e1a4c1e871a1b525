FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/wiki
COPY requirements.txt constraints.txt ./
RUN pip install -q --no-cache-dir -r requirements.txt -c constraints.txt
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
