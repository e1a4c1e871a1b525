FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/wiki
COPY requirements.txt constraints.txt ./
RUN pip install -q --no-cache-dir python-slugify==8.0.1 text-unidecode==1.3
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
