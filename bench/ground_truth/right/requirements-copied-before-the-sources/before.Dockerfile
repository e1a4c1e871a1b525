FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/wiki
COPY requirements.txt server.py ./
RUN pip install -q --no-cache-dir -r requirements.txt
EXPOSE 8000
CMD ["python", "server.py"]
